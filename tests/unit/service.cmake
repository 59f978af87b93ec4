unit_test(notices service)
unit_test(problems service)
unit_test(arrivals service)
unit_test(disk_history service)
unit_test(sender_lock service)
unit_test(ledger_anchor service)

# Over a real store and a real loop.
foreach(name directory hashing maildrops login_guard mailboxes delivery_collection reception monitor)
	unit_test(${name} service)
	target_sources(test_${name} PRIVATE test_service_fixture.c test_platform_fixture.c)
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 180)
endforeach()

# Certificates are judged and made by OpenSSL itself.
unit_test(certificates service)
target_sources(test_certificates PRIVATE
	test_service_fixture.c test_platform_fixture.c certificate_folder.c other_authority.c)
target_link_libraries(test_certificates PRIVATE PkgConfig::OPENSSL)
set_tests_properties(unit.certificates PROPERTIES TIMEOUT 180)
