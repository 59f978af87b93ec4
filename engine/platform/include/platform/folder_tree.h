/* folder_tree.h -- a folder with all that is in it. */
#ifndef LG_PLATFORM_FOLDER_TREE_H
#define LG_PLATFORM_FOLDER_TREE_H

#include "base/error.h"

/* Removes it. A symbolic link is removed, not followed. Depth is bounded. After a failure a part may be gone. */
bool folder_tree_remove(const char *path, struct error *error);

#endif
