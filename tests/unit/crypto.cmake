# With mailboxes, whole messages and known answers beside it.
function(crypto_test name)
	unit_test(${name} crypto)
	target_sources(test_${name} PRIVATE test_crypto_fixture.c)
	target_compile_definitions(test_${name} PRIVATE TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/data")
endfunction()

unit_test(secret crypto)
unit_test(phrase crypto)
unit_test(digest crypto)
unit_test(sha256 crypto)
crypto_test(mailbox_keys)
crypto_test(mailbox_keyring)
crypto_test(mailbox_head)
crypto_test(key_wrap)
# To damage a wrap and make its checksum fit again.
target_include_directories(test_key_wrap PRIVATE ${PROJECT_SOURCE_DIR}/engine/crypto)
crypto_test(seal)
crypto_test(seal_damage)
crypto_test(seal_forged)
crypto_test(receipt)
# These make with libsodium itself what the engine would not, or what it must agree with.
foreach(name digest mailbox_keys mailbox_keyring mailbox_head seal_forged)
	target_link_libraries(test_${name} PRIVATE PkgConfig::SODIUM)
endforeach()

# Looks at processes that abort, and at /proc.
if(NOT WIN32)
	unit_test(secret_misuse crypto)
	if(LETTERGATE_SANITIZE)
		target_compile_definitions(test_secret_misuse PRIVATE TEST_IS_SANITIZED)
	endif()
endif()
