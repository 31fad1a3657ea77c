# Compiler flags, hardening, sanitizers, compiler cache and linker.

add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers -fstack-protector-strong
                    -fno-omit-frame-pointer -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of GCC 12 on std::string (GCC bug 105651); the sanitizers check what these guess.
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overread
                      -Wno-stringop-overflow)
else()
  # Clang sees the uses inside libstdc++ 12 of what that library itself deprecates.
  add_compile_options(-Wno-deprecated-declarations)
endif()
add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
add_link_options(-Wl,-z,relro,-z,now)

find_program(HONE_CCACHE ccache)
if(HONE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
                                  CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
                                  ${HONE_CCACHE})
endif()
# gold is part of binutils; mold 1.10 lays out RELRO wrongly for some thread-local data.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=gold)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=lld)
endif()

# Enough for readable stacks; more costs twice the time to build.
if(HONE_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
endif()
if(HONE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-maybe-uninitialized)  # false alarms on std::variant under sanitizers
endif()
if(HONE_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(HONE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
endif()
if(HONE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
if(HONE_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()

# hone_precompile(TARGET OWNER HEADER…): the headers of libraries are read once, for OWNER, and its
# result serves every other target. Clang builds do without, so that they find a missing #include.
function(hone_precompile target owner)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  if(target STREQUAL owner)
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # what ccache needs
    target_precompile_headers(${target} PRIVATE ${ARGN})
  else()
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
