/* trace_header.h -- the header fields that the gateway puts on top of what it received: Return-Path
 * and Received (RFC 5321 4.4, dates RFC 5322 3.3), and where they are wanted X-Envelope-From and
 * X-Envelope-To, which no standard defines and archives read: blind copies stand there alone. What lies
 * below is not touched. */
#ifndef LG_MAIL_TRACE_HEADER_H
#define LG_MAIL_TRACE_HEADER_H

#include "base/buf.h"

struct trace {
	struct bytes return_path;  /* without < >; empty for the null sender */
	struct bytes hello;	   /* what the client called itself */
	struct bytes peer_address; /* "192.0.2.1", "2001:db8::1" */
	struct bytes gateway;	   /* this gateway's host name */
	struct bytes recipient;	   /* the mailbox address it was sent to */
	struct bytes id;
	const char *protocol; /* "SMTP", "ESMTP", "ESMTPS" (RFC 3848) */
	struct bytes tls;     /* "TLSv1.3 TLS_AES_256_GCM_SHA384", empty without */
	int64_t time_s;	      /* seconds since 1970-01-01 UTC; written as UTC (+0000) */
	bool has_envelope;    /* the X-Envelope fields are wanted */
	const struct bytes
		*envelope_to;	  /* the recipients that concern this copy, as they were given */
	size_t envelope_to_count; /* 0: no X-Envelope-To */
};

/* Appends the fields, folded under 78 columns where they can be, each line ended by CRLF. What the
 * peer supplied (hello) is reduced to harmless characters. False: *fields is at its maximum. */
bool trace_header_append(const struct trace *trace, struct buf *fields);

/* "Tue, 24 Nov 2026 04:08:06 +0000" */
enum { MAIL_DATE_SIZE = 40 };
void mail_date_text(int64_t time_s, char text[MAIL_DATE_SIZE]);

#endif
