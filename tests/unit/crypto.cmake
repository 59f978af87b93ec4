unit_test(secret crypto)
# Looks at processes that abort, and at /proc.
if(NOT WIN32)
	unit_test(secret_misuse crypto)
endif()
