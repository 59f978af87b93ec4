/* fuzz_recovery_code.c -- anything typed as a recovery code. What is taken has a canonical form that
 * is taken again and stays as it is; what is refused leaves nothing behind. */
#include <stdlib.h>

#include "crypto/key_wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[RECOVERY_CODE_SIZE], again[RECOVERY_CODE_SIZE];
	struct error error = { .kind = ERROR_NONE };

	memset(text, 'x', sizeof text);
	if (recovery_code_normalise(bytes_make(data, size), text, &error)) {
		check(strlen(text) == 34);
		check(recovery_code_normalise(bytes_of(text), again, &error));
		check(strcmp(text, again) == 0);
	} else {
		check(error.kind == ERROR_INVALID && error.text[0] && !text[0]);
	}
	return 0;
}
