/* fuzz_trace_header.c -- the fields on top of a message, whatever its sender called itself and its recipients: they
 * are these fields and no others, in lines that end in CRLF alone, and go on only behind a tab. Parts of the input
 * are divided by LF: the client's name, the return path, recipients. The first byte says what is there at all. */
#include "mail/trace_header.h"

#include "fuzz_stream.h"

enum { HAS_ENVELOPE = 1, HAS_TLS = 2, IS_IPV6 = 4, RECIPIENTS_MAX = 16 };

/* Takes the next line off, which ends in CRLF and has no other control character but a tab at its beginning. */
static struct bytes next_line(struct bytes *rest)
{
	size_t size = bytes_find(*rest, '\r');
	struct bytes line = bytes_head(*rest, size);

	check(size + 1 < rest->size && rest->data[size + 1] == '\n');
	*rest = bytes_skip(*rest, size + 2);
	for (size_t i = 0; i < size; i++)
		check((line.data[i] >= ' ' && line.data[i] != 127) ||
			(i == 0 && line.data[i] == '\t'));
	/* Longer only where it is one clause. */
	check(line.size <= 78 || line.data[0] == '\t');
	return line;
}

/* Takes a field off; what it says, in one line, goes to *value. */
static void next_field(struct bytes *rest, const char *name, struct buf *value)
{
	struct bytes line = next_line(rest);
	const size_t size = strlen(name);

	check(line.size >= size && bytes_equal_text(bytes_head(line, size), name));
	value->size = 0;
	fuzz_log(value, bytes_skip(line, size));
	while (rest->size && rest->data[0] == '\t') {
		line = next_line(rest);
		check(line.size > 1);
		fuzz_log_text(value, " ");
		fuzz_log(value, bytes_skip(line, 1));
	}
}

/* The client's name can neither end its clause nor open another. */
static void check_received(struct bytes value)
{
	static const char from[] = " from ";
	const size_t size = strlen(from);
	struct bytes hello = bytes_skip(value, size);

	check(value.size > size && bytes_equal_text(bytes_head(value, size), from));
	hello = bytes_head(hello, bytes_find(hello, ' '));
	check(hello.size >= 1 && hello.size <= 255);
	for (size_t i = 0; i < hello.size; i++)
		check(!memchr("()<>;,\"\\@", hello.data[i], 9));
	value = bytes_skip(value, size + hello.size);
	check(value.size > 2 && bytes_equal_text(bytes_head(value, 3), " (["));
}

static void check_fields(struct bytes rest, const struct trace *trace)
{
	struct buf value;

	buf_init(&value, FUZZ_LOG_MAX);
	next_field(&rest, "Return-Path:", &value);
	next_field(&rest, "Received:", &value);
	check_received(buf_view(&value));
	if (trace->has_envelope) {
		next_field(&rest, "X-Envelope-From:", &value);
		if (trace->envelope_to_count)
			next_field(&rest, "X-Envelope-To:", &value);
	}
	check(rest.size == 0);
	buf_clear(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes recipients[RECIPIENTS_MAX], rest = bytes_make(data, size);
	struct trace trace = {
		.peer_address = bytes_of("192.0.2.1"),
		.gateway = bytes_of("gateway.example"),
		.recipient = bytes_of("mbx-00000000000000000000000000000000@gateway.example"),
		.id = bytes_of("00000000000000000000000000000000"),
		.protocol = "ESMTPS",
		.envelope_to = recipients,
	};
	struct buf fields, small;

	if (!size)
		return 0;
	rest = bytes_skip(rest, 1);
	bytes_split(&rest, '\n', &trace.hello);
	bytes_split(&rest, '\n', &trace.return_path);
	while (trace.envelope_to_count < RECIPIENTS_MAX &&
		bytes_split(&rest, '\n', &recipients[trace.envelope_to_count]))
		trace.envelope_to_count++;
	trace.has_envelope = data[0] & HAS_ENVELOPE;
	trace.time_s = (int64_t)data[0] << (size % 50);
	if (data[0] & HAS_TLS)
		trace.tls = bytes_of("TLSv1.3 TLS_AES_256_GCM_SHA384");
	if (data[0] & IS_IPV6)
		trace.peer_address = bytes_of("2001:db8::1");
	buf_init(&fields, FUZZ_LOG_MAX);
	buf_init(&small, 256);
	check(trace_header_append(&trace, &fields));
	check_fields(buf_view(&fields), &trace);
	/* All of it or nothing. */
	check(trace_header_append(&trace, &small) == (fields.size <= 256));
	check(small.size == 0 || bytes_equal(buf_view(&small), buf_view(&fields)));
	buf_clear(&fields);
	buf_clear(&small);
	return 0;
}
