/* bytes.h -- a view of bytes that somebody else owns.
 *
 * A view never owns and never ends in NUL. It lives as long as what it looks at: for views out of a
 * protocol core that is until its next feed. */
#ifndef LG_BASE_BYTES_H
#define LG_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data;
	size_t size;
};

/* For "%.*s": BYTES_ARGS(view) gives the two arguments. Only for text that was checked to be
 * printable; log_quote() is for everything else. */
#define BYTES_ARGS(view) (int)(view).size, (const char *)(view).data

/* A view of a string literal or a NUL-terminated string, without the NUL. */
static inline struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

static inline struct bytes bytes_make(const void *data, size_t size)
{
	return (struct bytes){ data, size };
}

/* The view without its first `count` bytes (all of it when it is shorter). */
static inline struct bytes bytes_skip(struct bytes view, size_t count)
{
	if (count > view.size)
		count = view.size;
	/* A view of nothing may have no address, to which even 0 must not be added (C17 6.5.6). */
	return (struct bytes){ count ? view.data + count : view.data, view.size - count };
}

/* The first `count` bytes (all of it when it is shorter). */
static inline struct bytes bytes_head(struct bytes view, size_t count)
{
	return (struct bytes){ view.data, count < view.size ? count : view.size };
}

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes view, const char *text);
/* ASCII case-insensitive, as protocol words compare (RFC 5321 2.4). */
bool bytes_equal_nocase(struct bytes a, struct bytes b);
bool bytes_starts_with_nocase(struct bytes view, const char *prefix);
/* Offset of the first `byte`, or view.size when there is none. */
size_t bytes_find(struct bytes view, uint8_t byte);
/* Without blanks and tabs on both sides. */
struct bytes bytes_trim(struct bytes view);
/* Takes the part up to `separator` (all when there is none) out of *rest; *rest goes on behind the
 * separator. False when *rest was empty. */
bool bytes_split(struct bytes *rest, uint8_t separator, struct bytes *part);
/* Decimal digits only, no sign, no blank; false on anything else or above `maximum`. */
bool bytes_parse_number(struct bytes view, uint64_t maximum, uint64_t *number);
/* Copies into a NUL-terminated array; false (and an empty string) when it does not fit or holds a
 * NUL. */
bool bytes_copy_text(struct bytes view, char *text, size_t capacity);

/* Lower-case hex. `text` holds 2 * size + 1 chars. */
void hex_encode(struct bytes view, char *text);
/* Exactly 2 * size hex digits of either case, else false. */
bool hex_decode(struct bytes text, uint8_t *data, size_t size);

#endif
