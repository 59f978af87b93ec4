/* upward_include.c -- a file of the floor mail that looks up to net. It must not build. */
#include "net/tls.h"
