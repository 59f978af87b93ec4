unit_test(notices service)
unit_test(problems service)
unit_test(sender_lock service)

# Over a real store and a real loop.
foreach(name directory hashing mailboxes delivery_collection)
	unit_test(${name} service)
	target_sources(test_${name} PRIVATE test_service_fixture.c test_platform_fixture.c)
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 180)
endforeach()
