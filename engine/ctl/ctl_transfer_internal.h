/* ctl_transfer_internal.h -- the two ends of a transfer on this side: files that receive pieces and files that are
 * sent as pieces, and the folders that both go through. */
#ifndef LG_CTL_CTL_TRANSFER_INTERNAL_H
#define LG_CTL_CTL_TRANSFER_INTERNAL_H

#include "control/transfer_piece.h"
#include "platform/paths.h"

struct file;

/* ---- folders ---- */

/* Each file below the folder, by the order of names, with its name relative to it ("a/b"); a folder after what is in
 * it, the first one as "". Stops when one returns false. */
struct ctl_tree_visitor {
	bool (*file)(void *context, const char *path, const char *entry, struct error *error);
	bool (*folder)(void *context, const char *path, struct error *error); /* may be NULL */
};
bool ctl_tree_walk(const char *path, const struct ctl_tree_visitor *visitor, void *context,
	struct error *error);
bool ctl_tree_is_folder(const char *path);
bool ctl_tree_is_empty(const char *path); /* a folder with nothing in it */
bool ctl_tree_remove(const char *path, struct error *error);
/* The path without "/" at its end; ERROR_INVALID: too long, or empty. */
bool ctl_tree_path(const char *path, char clean[PATH_SIZE], struct error *error);
void ctl_tree_parent(const char *path, char parent[PATH_SIZE]);

/* ---- receiving ---- */

/* All is written to PATH.part, synced, and renamed at the end: PATH is there whole or not at all. */
struct ctl_receiver {
	bool is_file;
	bool is_begun;
	char path[PATH_SIZE];
	char part[PATH_SIZE];
	struct file *file; /* the entry that is open */
	struct transfer_order order;
};

/* Whether PATH can be what is received: nothing is there, or an empty folder. */
bool ctl_receiver_check(const char *path, struct error *error);
bool ctl_receiver_begin(
	struct ctl_receiver *receiver, const char *path, bool is_file, struct error *error);
bool ctl_receiver_take(
	struct ctl_receiver *receiver, const struct transfer_piece *piece, struct error *error);
bool ctl_receiver_finish(struct ctl_receiver *receiver, struct error *error);
/* Removes what was not finished; harmless after ctl_receiver_finish(). */
void ctl_receiver_clear(struct ctl_receiver *receiver);

/* ---- sending ---- */

struct ctl_sender_file {
	char *path, *entry;
	uint64_t size;
};

struct ctl_sender {
	struct ctl_sender_file *files;
	size_t count, capacity;
	uint64_t done, total; /* octets */
	/* the file that is being sent */
	size_t index;
	struct file *file;
	uint64_t offset;
};

/* A folder, or one file. */
bool ctl_sender_begin(struct ctl_sender *sender, const char *path, struct error *error);
bool ctl_sender_next(struct ctl_sender *sender, struct transfer_piece *piece, struct error *error);
void ctl_sender_clear(struct ctl_sender *sender);

#endif
