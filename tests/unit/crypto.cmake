unit_test(secret crypto)
# Looks at processes that abort, and at /proc.
if(NOT WIN32)
	unit_test(secret_misuse crypto)
	if(LETTERGATE_SANITIZE)
		target_compile_definitions(test_secret_misuse PRIVATE TEST_IS_SANITIZED)
	endif()
endif()
