// Makes a library of its own of what JavaCPP writes for its own classes, as its project publishes one: ours runs on older
// systems. JavaCPP names the functions by which Java greets a library for linking them into another one.
#include <jni.h>

extern "C" {
JNIEXPORT jint JNICALL JNI_OnLoad_jnijavacpp(JavaVM* vm, void* reserved);
JNIEXPORT void JNICALL JNI_OnUnload_jnijavacpp(JavaVM* vm, void* reserved);

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void* reserved) { return JNI_OnLoad_jnijavacpp(vm, reserved); }

JNIEXPORT void JNICALL JNI_OnUnload(JavaVM* vm, void* reserved) { JNI_OnUnload_jnijavacpp(vm, reserved); }
}
