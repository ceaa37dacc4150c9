# Writes posgate/version.h; run at every build, and touches the file only when something changed.
find_program(GIT git)
set(COMMIT unknown)
if(GIT)
    execute_process(COMMAND ${GIT} rev-parse --short=12 HEAD WORKING_DIRECTORY ${SOURCE}
        OUTPUT_VARIABLE FOUND RESULT_VARIABLE FAILED ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT FAILED)
        execute_process(COMMAND ${GIT} diff --quiet HEAD -- WORKING_DIRECTORY ${SOURCE}
            RESULT_VARIABLE CHANGED ERROR_QUIET)
        set(COMMIT ${FOUND})
        if(CHANGED)
            string(APPEND COMMIT "+")
        endif()
    endif()
endif()
# Debian's RocksDB comes without a pkg-config file; its header tells.
file(STRINGS ${ROCKSDB_HEADER} LINES REGEX "define ROCKSDB_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" ROCKSDB_VERSION "${LINES}")
string(REPLACE ";" "." ROCKSDB_VERSION "${ROCKSDB_VERSION}")
file(CONFIGURE OUTPUT ${TARGET} CONTENT
"/* Written by cmake/version.cmake. */
#define POSGATE_VERSION \"${VERSION}\"
#define POSGATE_COMMIT \"${COMMIT}\"
#define POSGATE_COMPILER \"${COMPILER}\"
#define POSGATE_BUILD_TYPE \"${BUILD_TYPE}\"
#define POSGATE_UV_VERSION \"${UV_VERSION}\"
#define POSGATE_OPENSSL_VERSION \"${OPENSSL_VERSION}\"
#define POSGATE_ROCKSDB_VERSION \"${ROCKSDB_VERSION}\"
")
