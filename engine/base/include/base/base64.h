/* base64.h -- RFC 4648 section 4: bytes as text, with padding and without line ends. */
#ifndef LG_BASE_BASE64_H
#define LG_BASE_BASE64_H

#include "base/buf.h"

/* How many characters that many bytes become. */
static inline size_t base64_encoded_size(size_t size)
{
	return (size + 2) / 3 * 4;
}

/* Appends. False: it does not fit, or no memory; *out is as it was. */
bool base64_encode(struct bytes data, struct buf *out);
/* For secrets: the data are the last `size` bytes of base64_encoded_size(size) bytes of space, which become its
 * encoding. */
void base64_encode_in_place(uint8_t *space, size_t size);

/* The size of what `text` encodes. False when it is not exactly what base64_encode() writes: other
 * characters, padding that is missing or too much, bits that belong to no byte (RFC 4648 3.3, 3.5). */
bool base64_decoded_size(struct bytes text, size_t *size);
/* The same in place, for secrets: the first *size bytes of `text` are then what it encodes. */
bool base64_decode_in_place(uint8_t *text, size_t text_size, size_t *size);
/* Appends. ERROR_INVALID: not base64. */
bool base64_decode(struct bytes text, struct buf *out, struct error *error);

#endif
