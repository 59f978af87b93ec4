unit_test(notices service)
unit_test(problems service)
unit_test(arrivals service)
unit_test(disk_history service)
unit_test(sender_lock service)
unit_test(mailbox_facts service)
unit_test(aliases service)
unit_test(lock_problems service)
unit_test(message_rate service)
unit_test(sessions service)
unit_test(ledger_anchor service)
unit_test(ledger_report service)
unit_test(password_strength service)
unit_test(backup_manifest service)
target_sources(test_backup_manifest PRIVATE test_platform_fixture.c)

# Over a real store and a real loop.
foreach(name service directory hashing maildrops login_guard mailboxes mailbox_edit mailbox_access delivery_collection reception monitor)
	unit_test(${name} service)
	target_sources(test_${name} PRIVATE test_service_fixture.c test_platform_fixture.c)
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 180)
endforeach()

# A ledger, and its database changed behind the store's back with SQLite itself.
foreach(name ledger_reporter ledger_verify ledger_export pop3_update backup mailbox_export storage)
	unit_test(${name} service)
	target_sources(test_${name} PRIVATE
		test_ledger_fixture.c test_service_fixture.c test_platform_fixture.c)
	target_link_libraries(test_${name} PRIVATE PkgConfig::SQLITE)
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 180)
endforeach()
# The self-test's client is the archive.
target_include_directories(test_pop3_update PRIVATE ${PROJECT_SOURCE_DIR}/engine/service)

# Certificates are judged and made by OpenSSL itself.
unit_test(certificates service)
target_sources(test_certificates PRIVATE
	test_service_fixture.c test_platform_fixture.c certificate_folder.c other_authority.c)
target_link_libraries(test_certificates PRIVATE PkgConfig::OPENSSL)
set_tests_properties(unit.certificates PROPERTIES TIMEOUT 180)
