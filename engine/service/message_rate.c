/* message_rate.c -- the average from the beginning on. One over the last minute would end a large message whose
 * line failed for a minute; and who has sent fast at first to be slow later has paid for the time. */
#include "service/message_rate.h"

static const int64_t second_us = 1000000;

bool message_rate_is_too_slow(
	struct message_rate *rate, int64_t now_us, uint64_t octets, uint64_t least)
{
	int64_t took_us;

	if (!rate->is_running)
		*rate = (struct message_rate){ .is_running = true, .since_us = now_us };
	rate->octets += octets;
	took_us = now_us - rate->since_us;
	return took_us >= 60 * second_us && rate->octets < least * (uint64_t)(took_us / second_us);
}
