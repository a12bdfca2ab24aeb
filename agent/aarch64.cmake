# Toolchain: lk-agent for arm64 guests, on a machine of another architecture. Debian's cross compiler finds the libraries
# of dpkg's architecture arm64 by itself, in /usr/lib/aarch64-linux-gnu; protoc and its plugin are the machine's own.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
