/* store_pieces.c -- a long table read in pieces, for those who go through all of it: each piece has a short
 * read transaction of its own, since a snapshot that stays open would keep the log from being emptied. */
#include <stdlib.h>

#include "store_internal.h"

enum { PIECE_ROWS = 256 };

struct piece {
	const struct pieces *pieces;
	uint64_t from; /* of the next one */
	uint8_t *rows;
	size_t count;
};

static bool read_piece(struct database *database, const struct id *mailbox, struct piece *piece,
	struct error *error)
{
	const struct pieces *pieces = piece->pieces;
	sqlite3_stmt *read = database_statement(database, pieces->statement, error);
	int64_t number = 0;
	bool has_row = true;
	bool ok = read && mailbox_number(database, mailbox, &number, error);

	piece->count = 0;
	if (!ok)
		return false;
	sqlite3_bind_int64(read, 1, number);
	sqlite3_bind_int64(read, 2, (int64_t)piece->from);
	sqlite3_bind_int64(read, 3, PIECE_ROWS);
	if (sqlite3_bind_parameter_count(read) > 3)
		sqlite3_bind_int(read, 4, pieces->state);
	while (ok && has_row && piece->count < PIECE_ROWS) {
		ok = database_step(database, read, &has_row, error);
		if (!ok || !has_row)
			break;
		piece->from = (uint64_t)sqlite3_column_int64(read, 0) + 1;
		ok = pieces->take(read, piece->rows + piece->count++ * pieces->row_size, error);
	}
	statement_end(read);
	return ok;
}

bool pieces_each(struct store *store, const struct id *mailbox, uint64_t from,
	const struct pieces *pieces, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	struct piece piece = { .pieces = pieces, .from = from, .count = PIECE_ROWS };
	bool goes_on = true;
	bool ok;

	piece.rows = calloc(PIECE_ROWS, pieces->row_size);
	ok = piece.rows || error_set_memory(error);
	while (ok && goes_on && piece.count == PIECE_ROWS) {
		ok = database_use(database, error);
		if (!ok)
			break;
		ok = read_piece(database, mailbox, &piece, error);
		database_leave(database);
		for (size_t i = 0; ok && goes_on && i < piece.count; i++)
			goes_on = pieces->visit(pieces->context, piece.rows + i * pieces->row_size);
	}
	free(piece.rows);
	return ok;
}
