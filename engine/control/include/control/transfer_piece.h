/* transfer_piece.h -- what a transfer is made of: pieces of named entries, in order, and their form in JSON. Both
 * ends of the control interface use this, so that neither trusts the other. Pure. */
#ifndef LG_CONTROL_TRANSFER_PIECE_H
#define LG_CONTROL_TRANSFER_PIECE_H

#include <jansson.h>

#include "base/buf.h"

enum {
	TRANSFER_PIECE_MAX = 256 * 1024, /* octets of data */
	TRANSFER_ENTRY_SIZE = 256,	 /* a name and its NUL */
	TRANSFERS_MAX = 8,		 /* under way at once in a gateway */
};

/* An entry's pieces follow each other; an empty entry is one piece without data. Folders come by the names of what is
 * in them; one that is empty is an entry of its own. */
struct transfer_piece {
	char entry[TRANSFER_ENTRY_SIZE]; /* empty: no data; only to say is_end */
	struct buf data;		 /* at most TRANSFER_PIECE_MAX */
	bool is_entry_end;		 /* the entry's last piece */
	bool is_end;			 /* the last piece of all */
	uint64_t done, total;		 /* progress in whatever unit; total 0: nobody knows */
};

void transfer_piece_init(struct transfer_piece *piece);
/* For the next piece: nothing in it, the data wiped, the memory and the progress kept. */
void transfer_piece_reset(struct transfer_piece *piece);
void transfer_piece_clear(struct transfer_piece *piece); /* wipes: it may hold mail */

/* A name below the folder that the receiving side chose: parts divided by "/", none of them empty, ".", ".." or
 * otherwise leading elsewhere on any system: no backslash, no colon, no control character, no dot and no blank at
 * the end of a part; UTF-8. */
bool transfer_entry_is_valid(const char *entry);
/* The same and a "/" behind it: an empty folder. Such an entry is one piece without data. */
bool transfer_entry_is_folder(const char *entry);

/* Where a transfer is. Zero at its beginning. */
struct transfer_order {
	char open[TRANSFER_ENTRY_SIZE]; /* the entry that has not ended; empty: none */
	bool is_over;
};
/* The piece fits behind those before it; if not, ERROR_INVALID, and the transfer has failed. */
bool transfer_order_step(
	struct transfer_order *order, const struct transfer_piece *piece, struct error *error);

/* {"entry","data","entry_end","end","progress":{"done","total"}}, new; NULL: no memory. What is false, and an
 * entry or data that is empty, may be missing when it is read. */
json_t *transfer_piece_pack(const struct transfer_piece *piece);
/* ERROR_INVALID: it is none, the name is not allowed, or there is too much data. Other members are ignored. */
bool transfer_piece_unpack(json_t *value, struct transfer_piece *piece, struct error *error);

#endif
