// HONE_MULTIVERSION: compiles a function for baseline x86-64, AVX2 and AVX-512 and chooses at run
// time. Results are the same bits: no contraction, no reordering (see cmake/toolchain.cmake).
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(HONE_NO_MULTIVERSION)
#define HONE_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HONE_MULTIVERSION  // the resolvers run before sanitizers are ready
#endif
