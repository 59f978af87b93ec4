foreach(name file thread_queue semaphore instance_lock paths process terminal listener host socket clock_text log_file log_stream port_holder
		process_run folder_tree)
	unit_test(${name} platform base)
	target_sources(test_${name} PRIVATE test_platform_fixture.c)
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120)
endforeach()
if(LETTERGATE_SANITIZE)
	target_compile_definitions(test_process PRIVATE TEST_IS_SANITIZED)
endif()
# Addresses as POSIX has them.
foreach(name listener socket)
	target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/engine/platform)
endforeach()
