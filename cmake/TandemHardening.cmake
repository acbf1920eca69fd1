# What is shipped is hardened: overflows that the compiler can see or guard end the program, its addresses are random,
# and what the loader has filled in cannot be written. Release only: sanitizers check more, and want none of it.
# Of libstdc++'s assertions, those folders have them that no request passes through: target by target.
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

# By the folders whose targets are shipped, before they make them.
macro(tandem_harden)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fno-semantic-interposition)  # as fast as code that is not for shared libraries
  endif()
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT TANDEM_SANITIZE)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
    add_link_options(-Wl,-z,relro,-z,now)
  endif()
endmacro()
