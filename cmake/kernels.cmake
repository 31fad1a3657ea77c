# Files of one instruction set: NAME_avx2.cc, NAME_avx2vnni.cc, NAME_avx512.cc, … They are compiled with its flags and
# chosen at run time. They include src/kernels/vector.h and nothing of the standard library that has
# code of its own: what the linker keeps of it might be the copy that other machines cannot run.
file(GLOB_RECURSE avx2 CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_avx2.cc)
file(GLOB_RECURSE avx512 CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_avx512.cc)
file(GLOB_RECURSE avx2vnni CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_avx2vnni.cc)
file(GLOB_RECURSE avx512vnni CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_avx512vnni.cc)
file(GLOB_RECURSE amx CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_amx.cc)
file(GLOB_RECURSE portable CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*_portable.cc)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(${avx2} ${avx2vnni} PROPERTIES COMPILE_OPTIONS
    "-O2;-mavx2;-mfma;-mf16c")
  set_property(SOURCE ${avx2vnni} APPEND PROPERTY COMPILE_OPTIONS -mavxvnni)
  # GCC 12 takes the undefined operand of its own intrinsics for a mistake (GCC bug 105593).
  set_source_files_properties(${avx512} ${avx512vnni} ${amx} PROPERTIES COMPILE_OPTIONS
    "-O3;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mfma;-mf16c;$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>;$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>")
  set_property(SOURCE ${avx512vnni} ${amx} APPEND PROPERTY COMPILE_OPTIONS -mavx512vnni)
  set_property(SOURCE ${amx} APPEND PROPERTY COMPILE_OPTIONS "-mamx-tile;-mamx-int8")
  # The lines of windows are slower at -O3. Elsewhere -O2 keeps arrays of sums beside inline assembly
  # in memory, which does not matter under sanitizers, where -O3 takes minutes.
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/kernels/windows/windows_avx512.cc APPEND PROPERTY
    COMPILE_OPTIONS -O2)
  if(HONE_SANITIZE)
    set_property(SOURCE ${avx512} ${avx512vnni} ${amx} APPEND PROPERTY COMPILE_OPTIONS -O2)
  endif()
else()
  set_source_files_properties(${avx2} ${avx2vnni} ${avx512} ${avx512vnni} ${amx}
    PROPERTIES HEADER_FILE_ONLY ON)
endif()
# Optimized in every build: without inlining, vectors would go through memory, and code of the
# instruction set would be left outside of its functions.
set_source_files_properties(${portable} PROPERTIES COMPILE_OPTIONS "-O2")
set_source_files_properties(${avx2} ${avx2vnni} ${avx512} ${avx512vnni} ${amx} ${portable}
  PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
