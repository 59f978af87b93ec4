/* big_endian_internal.h -- integers as the formats of this floor have them, for texts of fixed size. */
#ifndef LG_CRYPTO_BIG_ENDIAN_INTERNAL_H
#define LG_CRYPTO_BIG_ENDIAN_INTERNAL_H

#include <stdint.h>

static inline void put_u32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * (3 - i));
}

static inline void put_u64(uint8_t *at, uint64_t value)
{
	put_u32(at, (uint32_t)(value >> 32));
	put_u32(at + 4, (uint32_t)value);
}

#endif
