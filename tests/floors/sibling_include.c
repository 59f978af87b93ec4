/* sibling_include.c -- a file of the floor proto that looks across to store. It must not build. */
#include "store/store.h"
