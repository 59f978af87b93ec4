# The floor's internal headers have the request and the table.
function(control_test name)
	unit_test(${name} control)
	target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/engine/control)
	target_link_libraries(test_${name} PRIVATE PkgConfig::JANSSON)
endfunction()

control_test(json_rpc)
# The help of lettergatectl is made from the table.
control_test(method_table)
target_sources(test_method_table PRIVATE ${PROJECT_SOURCE_DIR}/engine/ctl/ctl_arguments.c)
target_include_directories(test_method_table PRIVATE ${PROJECT_SOURCE_DIR}/engine/ctl)

control_test(control)
target_sources(test_control PRIVATE test_service_fixture.c test_platform_fixture.c)
set_tests_properties(unit.control PROPERTIES TIMEOUT 180)
