/* alerts.h -- runs the program of the setting alerts.command for each problem that begins or ends, so that a
 * machine without a screen can tell somebody.
 *
 * The program gets one JSON object on its standard input: {"event": "raised" or "resolved", "gateway": the host
 * name, "id", "severity", "text", "remedy", "since"} as `status` shows the problem. One runs at a time, for 30
 * seconds at most, and at most 60 in an hour; what changes meanwhile is told after, as it is then: a problem that came
 * and went is not told at all. That the program fails is a problem itself, which is not told by it.
 * docs/internals/operation.md. */
#ifndef LG_CONTROL_ALERTS_H
#define LG_CONTROL_ALERTS_H

#include "service/service.h"

struct alerts;

/* Begins to tell; also what is a problem already. */
struct alerts *alerts_start(struct service *service, struct error *error);
/* Ends a program that runs; sets NULL. */
void alerts_stop(struct alerts **alerts);

#endif
