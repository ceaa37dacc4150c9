# How every target of posgate is compiled, and the three words its folders use:
# posgate_floor(), posgate_program() and posgate_test().

option(POSGATE_TESTS "Build the tests" ON)
option(POSGATE_WERROR "Warnings are errors" OFF)
option(POSGATE_FAILPOINTS "Places at which tests can kill a program (core/base/failpoint.h)" OFF)
set(POSGATE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(POSGATE_FUZZ "Build the fuzz targets as programs of libFuzzer; needs clang" OFF)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
# Assertions stay on in every build: a bug must stop, not go on.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CONFIG REQUIRED IMPORTED_TARGET libconfig)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)
find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)

add_library(posgate_options INTERFACE)
target_include_directories(posgate_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(posgate_options INTERFACE _GNU_SOURCE
    POSGATE_FAILPOINTS=$<BOOL:${POSGATE_FAILPOINTS}>)
target_compile_options(posgate_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wpointer-arith -Wcast-qual
    -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2 -Wundef
    -fno-strict-aliasing -fstack-protector-strong)
if(POSGATE_WERROR)
    target_compile_options(posgate_options INTERFACE -Werror)
endif()
# Linking compiles the whole program at once, on all cores. Bounds that one file checks for another
# are not seen there, so this one warning is wrong; with sanitizers the same paths run clean.
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_link_options(posgate_options INTERFACE -flto=auto -Wno-stringop-overflow)
endif()
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    # Inlined across files, bounds that a caller checked look like sizes of zero to gcc 12; every
    # file by itself is checked with the warning on, in this build too.
    target_link_options(posgate_options INTERFACE -Wno-stringop-overflow)
endif()
if(POSGATE_SANITIZE)
    target_compile_options(posgate_options INTERFACE
        -fsanitize=${POSGATE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(posgate_options INTERFACE -fsanitize=${POSGATE_SANITIZE})
endif()

option(POSGATE_COVERAGE "Count which branches run; needs clang" OFF)
if(POSGATE_COVERAGE)
    target_compile_options(posgate_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
    target_link_options(posgate_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
endif()
if(POSGATE_FUZZ)
    # Everything is watched by the fuzzer, whose main() only the targets get.
    target_compile_options(posgate_options INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(posgate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What is built together: the programs; the tests that run under the address sanitizer; those that
# run under the thread sanitizer.
add_custom_target(programs)
add_custom_target(sanitized_tests)
add_custom_target(thread_tests)
add_dependencies(sanitized_tests programs)

# posgate_floor(base SOURCES a.c b.c [USES wire ...] [LIBRARIES lib ...]): core/base as pos_base.
function(posgate_floor name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
    add_library(pos_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(pos_${name} PUBLIC posgate_options PRIVATE ${ARG_LIBRARIES})
    foreach(floor ${ARG_USES})
        target_link_libraries(pos_${name} PUBLIC pos_${floor})
    endforeach()
endfunction()

# posgate_program(posgate-gateway SOURCES main.c ... USES base wire ... [LIBRARIES lib ...])
function(posgate_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    add_dependencies(programs ${name})
    target_link_libraries(${name} PRIVATE posgate_options ${ARG_LIBRARIES})
    foreach(floor ${ARG_USES})
        target_link_libraries(${name} PRIVATE pos_${floor})
    endforeach()
endfunction()

# posgate_test(NAME SOURCES test_a.c ... USES base ... [LABELS label ...] [PLAIN] [ARGUMENTS a ...]):
# one Criterion binary, or a plain main() that prints "N passed, N failed". Labels decide where
# `./run test` runs it besides dev: `unit` (a Criterion binary has it by itself) and `bad-input` under
# the address and undefined-behaviour sanitizers, `thread` (a plain one without labels has it by
# itself) under the thread sanitizer, with which Criterion does not start.
function(posgate_test name)
    cmake_parse_arguments(ARG "PLAIN" "TIMEOUT" "SOURCES;USES;LIBRARIES;LABELS;ARGUMENTS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE posgate_options ${ARG_LIBRARIES})
    target_compile_definitions(${name} PRIVATE POSGATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        POSGATE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    foreach(floor ${ARG_USES})
        target_link_libraries(${name} PRIVATE pos_${floor})
    endforeach()
    if(NOT ARG_PLAIN)
        target_link_libraries(${name} PRIVATE criterion)
        # Criterion's own macros are not ours to mend.
        target_compile_options(${name} PRIVATE -Wno-conversion -Wno-shadow -Wno-cast-qual)
    endif()
    if(ARG_PLAIN AND NOT ARG_LABELS)
        set(ARG_LABELS thread)
    elseif(NOT ARG_PLAIN)
        list(APPEND ARG_LABELS unit)
    endif()
    if("unit" IN_LIST ARG_LABELS OR "bad-input" IN_LIST ARG_LABELS)
        add_dependencies(sanitized_tests ${name})
    endif()
    if("thread" IN_LIST ARG_LABELS)
        add_dependencies(thread_tests ${name})
    endif()
    add_test(NAME ${name} COMMAND ${name} ${ARG_ARGUMENTS})
    posgate_test_rules(${name} "${ARG_TIMEOUT}" "${ARG_LABELS}")
endfunction()

# posgate_script_test(NAME SCRIPT test_a.py [ARGUMENTS a ...] [LABELS label ...] [TIMEOUT seconds]): a
# test in Python that prints "N passed, N failed" as its last line. The programs are in
# ${CMAKE_BINARY_DIR}/bin.
function(posgate_script_test name)
    cmake_parse_arguments(ARG "" "SCRIPT;TIMEOUT" "ARGUMENTS;LABELS" ${ARGN})
    add_test(NAME ${name}
        COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGUMENTS})
    posgate_test_rules(${name} "${ARG_TIMEOUT}" "${ARG_LABELS}")
endfunction()

# What ends a test badly besides its exit code: taking too long, and what a sanitizer prints.
function(posgate_test_rules name timeout labels)
    if(NOT timeout)
        set(timeout 300)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${labels}"
        ENVIRONMENT "ASAN_OPTIONS=abort_on_error=1;UBSAN_OPTIONS=print_stacktrace=1"
        FAIL_REGULAR_EXPRESSION "LeakSanitizer|runtime error:")
endfunction()
