/* wire.h -- the player of wire dialogues: the .txt files of tests/wire/NAME are
 * whole sessions of one protocol core.
 *
 * A file holds lines of the form
 *	# a comment
 *	OPTION name value		before everything else: how the core is created
 *	C: text				the peer sends text and CRLF (for the client cores the peer is
 *					the server)
 *	S: text				the core must have sent exactly this and CRLF next
 *	EVENT: KIND details		the core must give exactly this event next
 *	DO: action arguments		the driver's answer: accept, reply 550 5.1.1 text, ...
 * "\xHH", "\r", "\n", "\t", "\\", "\*N{text}" (text N times, not nested) and a final "\c" (no CRLF at
 * the end) are understood everywhere.
 *
 * C: lines that follow each other are offered to the core together, as a pipelining peer sends them.
 * What the core did not take is offered again after every DO and every pull. What the core sends and
 * the events it gives are two streams: each keeps its order, and everything of both must have been
 * named by S: and EVENT: before the next C: and at the end of the file; all events before a DO too.
 * Events of content (see next_event) form one text, however it was cut: "EVENT: BODY text" names the
 * next bytes of it, so that a long content may take several lines.
 *
 * Each file is played whole, byte by byte (both directions), and cut at random places from a seed; the
 * transcripts must be the same each time. Every piece is offered in memory of exactly its size that is
 * freed before the next feed, so that a sanitizer sees a core that looks beyond or keeps a view. One
 * adapter per core translates; its main() is `return wire_main(&adapter, argc, argv);`. */
#ifndef LG_TESTS_WIRE_H
#define LG_TESTS_WIRE_H

#include "base/buf.h"

struct wire_adapter {
	const char *name; /* the folder below tests/wire/ */
	void *(*create)(void);
	void (*destroy)(void *core);
	/* False: no such option. Called before the first feed. */
	bool (*set_option)(void *core, const char *name, const char *value);
	size_t (*feed)(void *core, struct bytes in);
	/* Describes the next event as one line of text in *line, or returns false. Content (BODY) is
	 * joined by the player: append it to *body instead, leave *line empty, return true. Both are
	 * empty at the call. */
	bool (*next_event)(void *core, struct buf *line, struct buf *body);
	size_t (*pull)(void *core, uint8_t *space, size_t capacity);
	/* False: no such action. `arguments` is never NULL. */
	bool (*act)(void *core, const char *action, const char *arguments);
};

/* Plays every file of the adapter's folder in every way; prints the first difference of each with
 * file and line. Returns the number of files that failed; *played counts the files. */
int wire_play_folder(const struct wire_adapter *adapter, const char *folder, uint32_t seed,
	int random_rounds, int *played);

/* The whole program: FOLDER [SEED [ROUNDS]]. */
int wire_main(const struct wire_adapter *adapter, int argc, char **argv);

#endif
