# The floor's internal headers have the request and the table.
function(control_test name)
	unit_test(${name} control)
	target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/engine/control)
	target_link_libraries(test_${name} PRIVATE PkgConfig::JANSSON)
endfunction()

control_test(json_rpc)
# Its allocations fail.
control_test(json_memory)
target_link_options(test_json_memory PRIVATE -Wl,--wrap=malloc)
control_test(method_table)
# The tests' own table takes the place of the real one.
control_test(method_parameter)
target_sources(test_method_parameter PRIVATE test_method_rows.c)
control_test(transfer_piece)
control_test(transfer)
target_sources(test_transfer PRIVATE test_platform_fixture.c)

# An engine with its control interface.
function(control_engine_test name)
	control_test(${name})
	target_sources(test_${name} PRIVATE test_control_fixture.c test_service_fixture.c test_platform_fixture.c)
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 180)
endfunction()

control_engine_test(control)
control_engine_test(control_socket)
control_engine_test(control_transfer)
target_sources(test_control_transfer PRIVATE test_method_rows.c)

control_test(alerts)
target_sources(test_alerts PRIVATE test_service_fixture.c test_platform_fixture.c)
set_tests_properties(unit.alerts PROPERTIES TIMEOUT 180)
