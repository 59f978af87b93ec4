# One floor of the engine is one static library. It exposes only its own include folder, and it may
# link only floors below it: an include of a floor that was not linked does not find its header, and
# a cycle of libraries is an error (GLOBAL_DEPENDS_NO_CYCLES).
#
#   engine_floor(NAME SOURCES a.c ... [POSIX x.c ...] [WIN32 y.c ...] [BELOW floor ...] [PRIVATE lib ...])
#
# POSIX and WIN32 name the platform's own files; BELOW the floors that its headers need;
# PRIVATE the libraries that nobody above may see.
define_property(GLOBAL PROPERTY ENGINE_FLOORS)
set_property(GLOBAL PROPERTY GLOBAL_DEPENDS_NO_CYCLES ON)

function(engine_floor name)
	cmake_parse_arguments(FLOOR "" "" "SOURCES;POSIX;WIN32;BELOW;PRIVATE" ${ARGN})
	set(sources ${FLOOR_SOURCES})
	if(WIN32)
		list(APPEND sources ${FLOOR_WIN32})
	else()
		list(APPEND sources ${FLOOR_POSIX})
	endif()
	add_library(lg_${name} STATIC ${sources})
	target_include_directories(lg_${name} PUBLIC include PRIVATE .)
	foreach(below ${FLOOR_BELOW})
		target_link_libraries(lg_${name} PUBLIC lg_${below})
	endforeach()
	target_link_libraries(lg_${name} PRIVATE lg_warnings ${FLOOR_PRIVATE})
	set_property(GLOBAL APPEND PROPERTY ENGINE_FLOORS ${name})
endfunction()
