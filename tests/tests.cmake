# unit_test(NAME floor...): tests/unit/test_NAME.c, linked with the floors it tests.
function(unit_test name)
	add_executable(test_${name} test_${name}.c)
	target_link_libraries(test_${name} PRIVATE lg_warnings PkgConfig::CMOCKA)
	foreach(floor ${ARGN})
		target_link_libraries(test_${name} PRIVATE lg_${floor})
	endforeach()
	add_test(NAME unit.${name} COMMAND test_${name})
endfunction()

# wire_test(CORE): the adapter tests/wire/wire_CORE.c plays the dialogues of tests/wire/CORE/.
function(wire_test core)
	if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/wire_${core}.c)
		return()
	endif()
	add_executable(wire_${core} wire.c wire_script.c wire_${core}.c)
	target_link_libraries(wire_${core} PRIVATE lg_warnings lg_proto)
	add_test(NAME wire.${core} COMMAND wire_${core} ${CMAKE_CURRENT_SOURCE_DIR}/${core})
endfunction()

# fuzz_target(NAME floor...): tests/fuzz/fuzz_NAME.c with its dictionary NAME.dict (if any) and its seed
# corpus corpus/NAME/. As a test it runs the corpus and a fixed number of seeded mutations.
function(fuzz_target name)
	add_executable(fuzz_${name} fuzz_${name}.c)
	target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
	foreach(floor ${ARGN})
		target_link_libraries(fuzz_${name} PRIVATE lg_${floor})
	endforeach()
	set(dictionary)
	if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.dict)
		set(dictionary -dict=${CMAKE_CURRENT_SOURCE_DIR}/${name}.dict)
	endif()
	set(found ${CMAKE_CURRENT_BINARY_DIR}/found/${name})
	file(MAKE_DIRECTORY ${found})
	add_test(NAME fuzz.${name}
		COMMAND fuzz_${name} -seed=1 -runs=20000 -max_total_time=20 -max_len=8192 -timeout=10
			${dictionary} -artifact_prefix=${found}/ ${found}
			${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
endfunction()
