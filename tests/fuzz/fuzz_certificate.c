/* fuzz_certificate.c -- what a person may hand in as a certificate, and what is shown of it. The first byte: even, PEM text,
 * taken with or without a key, or refused with words; odd, one certificate in DER, of which every text that is made can be
 * shown on a terminal. OpenSSL's queue of errors is empty behind each. */
#include <openssl/err.h>

#include "certificate_bag_internal.h"
#include "fuzz_stream.h"

static void check_text(const char *text, size_t capacity)
{
	check(memchr(text, '\0', capacity) != NULL);
	for (; *text; text++)
		check((uint8_t)*text >= ' ' && *text != 127);
}

static void try_pem(struct bytes content)
{
	struct error error = { .kind = ERROR_NONE };
	struct certificate_bag bag;

	check(certificate_bag_init(&bag, &error));
	/* Anything else is OpenSSL's from its first octet on. */
	if (bytes_starts_with_nocase(content, "-----BEGIN ")) {
		if (!certificate_bag_add(&bag, content, NULL, &error))
			check((error.kind == ERROR_INVALID || error.kind == ERROR_DENIED) &&
				error.text[0] != '\0');
		else if (bag.key)
			(void)certificate_bag_leaf(&bag, &error);
		for (int i = 0; i < sk_X509_num(bag.certificates); i++)
			(void)certificate_is_ours(sk_X509_value(bag.certificates, i));
	}
	certificate_bag_clear(&bag);
}

/* Into spaces of exactly this size. */
static void show(X509 *certificate, size_t capacity)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char *text = malloc(capacity), date[CERTIFICATE_DATE_SIZE];
	int64_t seconds;

	check(text != NULL);
	certificate_describe_name(X509_get_subject_name(certificate), text, capacity);
	check_text(text, capacity);
	certificate_describe_name(X509_get_issuer_name(certificate), text, capacity);
	check_text(text, capacity);
	certificate_names_describe(names, text, capacity);
	check_text(text, capacity);
	certificate_names_describe_permitted(certificate, text, capacity);
	check_text(text, capacity);
	check_text(certificate_date(X509_get0_notBefore(certificate), date), sizeof date);
	(void)certificate_time(X509_get0_notAfter(certificate), &seconds);
	(void)certificate_has_name(certificate, "gateway.example.com");
	GENERAL_NAMES_free(names);
	free(text);
}

static void try_der(struct bytes content, size_t capacity)
{
	const unsigned char *at = content.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)content.size);

	ERR_clear_error();
	if (!certificate)
		return;
	show(certificate, capacity);
	X509_free(certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 2)
		try_der(bytes_make(data + 1, size - 1), 2 + data[0]);
	else
		try_pem(bytes_make(data + 1, size - 1));
	check(ERR_peek_error() == 0);
	return 0;
}
