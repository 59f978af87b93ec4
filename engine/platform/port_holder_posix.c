/* port_holder_posix.c -- /proc/net/tcp{,6} names the inode of a listening socket, /proc/PID/fd the process that
 * has it open (proc(5)). Where there is no /proc, nobody is found. */
#include "platform/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "socket_internal.h"

static const char listening[] = "0A"; /* TCP_LISTEN of the kernel */

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* An address as the table has it: 32-bit words in hex, each in the byte order of this computer. */
static bool parse_address(struct bytes text, uint8_t *address, size_t size)
{
	for (size_t i = 0; i < size / 4; i++) {
		uint8_t digits[4];
		uint32_t word;

		if (!hex_decode(bytes_head(bytes_skip(text, i * 8), 8), digits, sizeof digits))
			return false;
		word = (uint32_t)digits[0] << 24 | (uint32_t)digits[1] << 16 |
		       (uint32_t)digits[2] << 8 | digits[3];
		memcpy(address + i * 4, &word, sizeof word);
	}
	return true;
}

/* "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ..." */
enum { WORD_LOCAL = 1, WORD_STATE = 3, WORD_INODE = 9, WORDS };

static bool split_row(struct bytes line, struct bytes words[WORDS])
{
	for (size_t i = 0; i < WORDS; i++) {
		line = bytes_trim(line);
		if (!bytes_split(&line, ' ', &words[i]))
			return false;
	}
	return true;
}

static bool parse_row(
	const char *line, const uint8_t *wanted, size_t size, uint16_t port, unsigned long *inode)
{
	uint8_t bytes[16], bound[2];
	struct bytes words[WORDS], address;
	uint64_t number;

	if (!split_row(bytes_of(line), words) || !bytes_equal_text(words[WORD_STATE], listening) ||
		!bytes_parse_number(words[WORD_INODE], ULONG_MAX, &number) ||
		!bytes_split(&words[WORD_LOCAL], ':', &address) || address.size != size * 2 ||
		!parse_address(address, bytes, size) ||
		!hex_decode(words[WORD_LOCAL], bound, sizeof bound))
		return false;
	*inode = (unsigned long)number;
	return (bound[0] << 8 | bound[1]) == port &&
	       (is_zero(bytes, size) || is_zero(wanted, size) || memcmp(bytes, wanted, size) == 0);
}

static bool find_inode(
	const char *table, const uint8_t *wanted, size_t size, uint16_t port, unsigned long *inode)
{
	FILE *file = fopen(table, "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof line, file))
		found = parse_row(line, wanted, size, port, inode);
	if (file)
		fclose(file);
	return found && *inode;
}

static bool find_socket(const char *host, uint16_t port, unsigned long *inode)
{
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
	union any_address address;
	socklen_t size;

	if (!any_address_parse(host, port, &address, &size))
		return false;
	if (address.any.sa_family == AF_INET6)
		return find_inode("/proc/net/tcp6", address.v6.sin6_addr.s6_addr, 16, port, inode);
	if (find_inode("/proc/net/tcp", (const uint8_t *)&address.v4.sin_addr, 4, port, inode))
		return true;
	/* A program that listens on "::" often takes IPv4, too. */
	memcpy(mapped + 12, &address.v4.sin_addr, 4);
	return find_inode("/proc/net/tcp6", mapped, 16, port, inode);
}

static bool has_open(const char *process, const char *wanted)
{
	char folder[64], link[320], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *files;

	snprintf(folder, sizeof folder, "/proc/%.20s/fd", process);
	files = opendir(folder);
	while (files && !found && (entry = readdir(files))) {
		ssize_t length;

		snprintf(link, sizeof link, "%s/%s", folder, entry->d_name);
		length = readlink(link, target, sizeof target - 1);
		if (length <= 0)
			continue;
		target[length] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (files)
		closedir(files);
	return found;
}

static void read_name(const char *process, char *name, size_t capacity)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%.20s/comm", process);
	file = fopen(path, "re");
	if (!file || !fgets(name, (int)capacity, file))
		snprintf(name, capacity, "a program");
	if (file)
		fclose(file);
	name[strcspn(name, "\n")] = '\0';
	/* A process may call itself anything. */
	for (char *c = name; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
}

bool port_holder_find(const char *host, uint16_t port, struct port_holder *holder)
{
	struct dirent *entry;
	char wanted[64];
	unsigned long inode;
	bool found = false;
	DIR *processes;

	if (!find_socket(host, port, &inode) || !(processes = opendir("/proc")))
		return false;
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	while (!found && (entry = readdir(processes))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !has_open(entry->d_name, wanted))
			continue;
		found = true;
		holder->process = strtoull(entry->d_name, NULL, 10);
		read_name(entry->d_name, holder->name, sizeof holder->name);
	}
	closedir(processes);
	return found;
}
