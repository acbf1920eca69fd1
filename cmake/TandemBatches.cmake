# Sources of a library or of a test program compiled several at a time: most of the time of one goes into headers that
# its neighbours include as well. In batches a clean build takes less than half of the time; a single changed source
# takes several times as long, so the preset `dev` compiles each by itself.

option(TANDEM_BATCHES "compile the sources of libraries and test programs in batches" ON)

# tandem_batches(TARGET...): sources of one batch share their unnamed namespaces, so they may not mean different things
# by one name there; tests have a namespace each (docs/decisions/079). Those with definitions or options of their own stay by themselves.
function(tandem_batches)
  if(NOT TANDEM_BATCHES)
    return()
  endif()
  foreach(target ${ARGN})
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
    # What an unnamed namespace holds is known to one source alone, though a batch includes it.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endforeach()
endfunction()
