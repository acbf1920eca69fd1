# Installs the build tree into a folder of its own, builds the consumer against that, and runs it:
#   cmake -D BUILD_DIR=... -D WORK_DIR=... [-D FLAGS=...] [-D COMPILER=...] -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/installed)

foreach(program tandem-master tandem-worker tandem)
  run(${WORK_DIR}/installed/bin/${program} --version)
endforeach()
file(GLOB_RECURSE installed_files ${WORK_DIR}/installed/*)
if(NOT installed_files MATCHES "/LICENSE")
  message(FATAL_ERROR "the licence is not installed")
endif()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK_DIR}/build
  -D CMAKE_PREFIX_PATH=${WORK_DIR}/installed -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${WORK_DIR}/build/consumer)

# Another cpp-httplib, or the same with other macros, does not compile, whichever header comes first.
function(refused order)
  set(source ${WORK_DIR}/refused.cpp)
  if(order STREQUAL "httplib first")
    set(includes "#include <httplib.h>\n#include <tandem/worker.hpp>\n")
  else()
    set(includes "#include <tandem/worker.hpp>\n#include <httplib.h>\n")
  endif()
  file(WRITE ${source} "${includes}void add(tandem::Worker& worker) { worker.server(); }\n")
  execute_process(COMMAND ${COMPILER} -std=c++17 -fsyntax-only ${ARGN} -I${WORK_DIR}/installed/include ${source}
    RESULT_VARIABLE status ERROR_VARIABLE output)
  if(status EQUAL 0 OR NOT output MATCHES "built with another")
    message(FATAL_ERROR "${order} ${ARGN}: a foreign cpp-httplib is not refused:\n${output}")
  endif()
endfunction()
file(READ ${HTTPLIB_HEADER} newer)
string(REPLACE "struct Request {" "struct Request {\n  int start_time = 0;" newer "${newer}")
string(REGEX REPLACE "CPPHTTPLIB_VERSION \"[^\"]*\"" "CPPHTTPLIB_VERSION \"99.0.0\"" newer "${newer}")
file(WRITE ${WORK_DIR}/newer/httplib.h "${newer}")
set(macros -DCPPHTTPLIB_OPENSSL_SUPPORT -DCPPHTTPLIB_ZLIB_SUPPORT -DCPPHTTPLIB_BROTLI_SUPPORT)
foreach(order IN ITEMS "httplib first" "httplib last")
  refused(${order} ${macros} -I${WORK_DIR}/newer)
  refused(${order})
endforeach()
file(REMOVE_RECURSE ${WORK_DIR})
