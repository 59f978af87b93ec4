# Warnings, hardening and sanitizers. Everything in the tree is compiled with lg_warnings; warnings
# are errors with both compilers.
add_library(lg_warnings INTERFACE)
target_compile_options(lg_warnings INTERFACE
	-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith
	-Wwrite-strings -Wcast-qual -Wvla -Wformat=2 -Wconversion -Wno-sign-conversion
	-Wimplicit-fallthrough)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(lg_warnings INTERFACE -Wlogical-op -Wduplicated-cond -Wnull-dereference)
endif()

add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 LETTERGATE_VERSION="${PROJECT_VERSION}")

# Without NDEBUG: an assertion is our bug, and stopping at it loses less than going on.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

if(LETTERGATE_SANITIZE)
	add_compile_options(-fsanitize=${LETTERGATE_SANITIZE} -fno-omit-frame-pointer
		-fno-sanitize-recover=all)
	string(REPLACE "fuzzer-no-link," "" link_sanitize "${LETTERGATE_SANITIZE}")
	add_link_options(-fsanitize=${link_sanitize})
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR CMAKE_BUILD_TYPE STREQUAL "Release")
	add_compile_options(-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2)
	add_link_options(-pie -Wl,-z,relro,-z,now)
endif()
