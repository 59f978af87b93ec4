/* outgoing.h -- a piece of what the engine gives out in bulk: an export, a backup. The data go into a buffer of the
 * caller, which is empty and has OUTGOING_PIECE_MAX for its maximum. */
#ifndef LG_SERVICE_OUTGOING_H
#define LG_SERVICE_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

enum { OUTGOING_PIECE_MAX = 256 * 1024, OUTGOING_ENTRY_SIZE = 256 };

struct outgoing_piece {
	/* The name of what it belongs to; one that ends in "/" is an empty folder; empty: only progress, or the end. */
	char entry[OUTGOING_ENTRY_SIZE];
	bool is_entry_end;    /* the entry's last piece */
	bool is_end;	      /* the last one of all */
	uint64_t done, total; /* octets */
};

#endif
