# Makes a C table of resources/networks/NAME.txt: one network a line, # begins a comment.
function(network_presets output)
	file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/resources/networks/*.txt)
	list(SORT files)
	set(rows "")
	foreach(file ${files})
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
		get_filename_component(name ${file} NAME_WE)
		file(STRINGS ${file} lines REGEX "^[0-9a-f]")
		list(JOIN lines " " networks)
		string(APPEND rows "\t{ \"${name}\", \"${networks}\" },\n")
	endforeach()
	file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"/* Made by cmake/network_presets.cmake of resources/networks/. */
#include \"network_presets_internal.h\"

const struct network_preset network_presets[] = {
@rows@};
const size_t network_presets_count = sizeof network_presets / sizeof network_presets[0];
")
endfunction()
