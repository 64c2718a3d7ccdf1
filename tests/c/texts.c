/* Row 59: the text of a failure is that of this thread's, however many fail at once. Argument: unused. */
#include <pthread.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 3000 };

static void *fail(void *argument) {
    const char *key = (const char *)argument;
    char config[64], wanted[64], text[4096];
    int round;
    snprintf(config, sizeof config, "%s = 1\n", key);
    snprintf(wanted, sizeof wanted, "unknown key %s;", key);
    for (round = 0; round < ROUNDS; round++) {
        foretick_engine_t engine = { 0 };
        size_t len = 0;
        CHECK(foretick_engine_open(config, strlen(config), &engine) == FORETICK_CONFIG_KEY);
        OK(foretick_last_error(text, sizeof text - 1, &len));
        text[len] = 0;
        CHECK(strstr(text, wanted) != NULL);
    }
    return NULL;
}

int main(void) {
    static char keys[THREADS][8] = { "alpha", "beta", "gamma", "delta" };
    pthread_t threads[THREADS];
    char text[16];
    size_t len = 1;
    int i;
    OK(foretick_init(FORETICK_ABI_VERSION));
    for (i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, fail, keys[i]) == 0);
    for (i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    OK(foretick_last_error(text, sizeof text, &len));
    CHECK(len == 0);
    return 0;
}
