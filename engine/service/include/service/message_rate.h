/* message_rate.h -- whether a message comes too slowly to be waited for. Its length does not matter: only what came
 * from its beginning on, for the time that this took, and only after a minute. Pure. */
#ifndef LG_SERVICE_MESSAGE_RATE_H
#define LG_SERVICE_MESSAGE_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: no message is on its way. */
struct message_rate {
	bool is_running;
	int64_t since_us;
	uint64_t octets;
};

/* More of the message has come; `now_us` is monotonic, `least` in octets a second. True: it is slower. */
bool message_rate_is_too_slow(
	struct message_rate *rate, int64_t now_us, uint64_t octets, uint64_t least);

#endif
