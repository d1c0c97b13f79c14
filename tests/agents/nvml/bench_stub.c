/* NVML's C interface with nothing behind it: what a caller's own code costs, its handing over of Python's lock included.
   Each call waits for as long as STUB_NS says, as a driver's does; device calls only. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long long u64;
typedef struct { unsigned id, scope; long long t, latency; unsigned type, code; u64 value; } field_t;
typedef struct { u64 t, value; } sample_t;

static int took(void) {
    static long ns = -1;
    struct timespec wait = {0, 0};
    if (ns < 0) ns = getenv("STUB_NS") ? atol(getenv("STUB_NS")) : 0;
    wait.tv_nsec = ns;
    if (ns) nanosleep(&wait, 0);
    return 0;
}

#define NUMBER(name) int name(void *d, unsigned *out) { *out = 40; return took(); }
#define WIDE(name) int name(void *d, u64 *out) { *out = 1; return took(); }
#define OF_ONE(name) int name(void *d, unsigned a, unsigned *out) { *out = 40; return took(); }
#define TEXT(name) int name(void *d, char *out, unsigned n) { strcpy(out, "stub"); return took(); }
#define PAIR(name) int name(void *d, unsigned *a, unsigned *b) { *a = *b = 0; return took(); }

#ifndef INIT
#define INIT 0
#endif
int nvmlInitWithFlags(unsigned f) { return INIT; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *out, unsigned n) { strcpy(out, "stub"); return 0; }
int nvmlSystemGetNVMLVersion(char *out, unsigned n) { strcpy(out, "stub"); return 0; }
int nvmlSystemGetCudaDriverVersion(int *out) { *out = 13000; return 0; }
int nvmlDeviceGetCount_v2(unsigned *out) { *out = 8; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **out) { *out = (void *)(u64)(0x100 + i); return 0; }
int nvmlDeviceGetUUID(void *d, char *out, unsigned n) { strcpy(out, "GPU-0"); out[4] += (u64)d & 15; return 0; }
TEXT(nvmlDeviceGetSerial) TEXT(nvmlDeviceGetName) TEXT(nvmlDeviceGetVbiosVersion)
NUMBER(nvmlDeviceGetPersistenceMode) NUMBER(nvmlDeviceGetModuleId) NUMBER(nvmlDeviceGetPerformanceState)
NUMBER(nvmlDeviceGetEnforcedPowerLimit) NUMBER(nvmlDeviceGetPowerManagementDefaultLimit)
NUMBER(nvmlDeviceGetPcieReplayCounter) NUMBER(nvmlDeviceGetCurrPcieLinkGeneration)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth) NUMBER(nvmlDeviceGetMaxPcieLinkGeneration)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth) WIDE(nvmlDeviceGetCurrentClocksEventReasons)
OF_ONE(nvmlDeviceGetTemperature) OF_ONE(nvmlDeviceGetClockInfo) OF_ONE(nvmlDeviceGetTemperatureThreshold)
OF_ONE(nvmlDeviceGetNvLinkState) PAIR(nvmlDeviceGetMigMode) PAIR(nvmlDeviceGetPowerManagementLimitConstraints)
int nvmlDeviceGetTotalEccErrors(void *d, unsigned a, unsigned b, u64 *out) { *out = 0; return took(); }
int nvmlDeviceGetMemoryErrorCounter(void *d, unsigned a, unsigned b, unsigned c, u64 *out) { *out = 0; return took(); }
int nvmlDeviceGetMarginTemperature(void *d, int *out) { out[1] = 47; return took(); }
int nvmlDeviceGetUtilizationRates(void *d, unsigned *out) { out[0] = out[1] = 50; return took(); }
int nvmlDeviceGetMemoryInfo(void *d, u64 *out) { out[0] = out[1] = out[2] = 1 << 30; return took(); }
int nvmlDeviceGetFieldValues(void *d, int n, field_t *f) {
    for (int i = 0; i < n; i++) f[i].type = 3, f[i].code = 0, f[i].value = f[i].id == 226 || f[i].id == 227 ? 0 : 100000;
    return took();
}
int nvmlDeviceGetSamples(void *d, unsigned which, u64 since, unsigned *type, unsigned *n, sample_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    u64 newest = (now.tv_sec * 1000000ull + now.tv_nsec / 1000) / 20000, k = 0;
    *type = 1;
    for (u64 i = newest - 118; out && i <= newest; i++)
        if (i * 20000 > since) out[k].t = i * 20000, out[k++].value = i / 37 % 2 ? 700000 : 150000;
    *n = out ? k : 119;
    return took();
}
