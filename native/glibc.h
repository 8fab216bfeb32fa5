// Included before everything else in each source of a library that is shipped (-include). On x86-64 Linux the functions whose
// glibc 2.29 or newer has a second version are bound to their first one, so that what is built on a new system runs on those
// of RHEL 8 and Debian 10 (glibc 2.28), too. The first versions of exp, log and pow are the same code, then set errno and
// ask for an old way of error handling that nobody can turn on any more.
#pragma once

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define SEQ_FIRST_VERSION(name, first, version) __asm__(".symver " #name "," #first "@GLIBC_" #version);
SEQ_FIRST_VERSION(exp, exp, 2.2.5)
SEQ_FIRST_VERSION(exp2, exp2, 2.2.5)
SEQ_FIRST_VERSION(log, log, 2.2.5)
SEQ_FIRST_VERSION(log2, log2, 2.2.5)
SEQ_FIRST_VERSION(pow, pow, 2.2.5)
SEQ_FIRST_VERSION(hypot, hypot, 2.2.5)
SEQ_FIRST_VERSION(hypotf, hypotf, 2.2.5)
SEQ_FIRST_VERSION(fmod, fmod, 2.2.5)
SEQ_FIRST_VERSION(fmodf, fmodf, 2.2.5)
// In libdl and libpthread before glibc 2.34; ci/build-glibc-stubs has those to link against.
SEQ_FIRST_VERSION(dlopen, dlopen, 2.2.5)
SEQ_FIRST_VERSION(dlsym, dlsym, 2.2.5)
SEQ_FIRST_VERSION(dlclose, dlclose, 2.2.5)
SEQ_FIRST_VERSION(dlerror, dlerror, 2.2.5)
SEQ_FIRST_VERSION(dladdr, dladdr, 2.2.5)
SEQ_FIRST_VERSION(pthread_create, pthread_create, 2.2.5)
SEQ_FIRST_VERSION(pthread_join, pthread_join, 2.2.5)
SEQ_FIRST_VERSION(pthread_once, pthread_once, 2.2.5)
SEQ_FIRST_VERSION(pthread_setname_np, pthread_setname_np, 2.12)
// What newer headers make of strtol and its kin.
SEQ_FIRST_VERSION(__isoc23_strtol, strtol, 2.2.5)
SEQ_FIRST_VERSION(__isoc23_strtoll, strtoll, 2.2.5)
SEQ_FIRST_VERSION(__isoc23_strtoul, strtoul, 2.2.5)
SEQ_FIRST_VERSION(__isoc23_strtoull, strtoull, 2.2.5)
#undef SEQ_FIRST_VERSION
#endif
