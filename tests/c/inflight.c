/* An engine is closed, or the process ends, while a thread is inside a run. Arguments: a bundle's folder, how, and how many
 * microseconds the run may go on before. The process must end by itself, with status 0. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "endless.h"

/* the housekeeping thread looks once a minute, so that closing alone can have ended the run */
static const char patient[] = "[housekeeping]\ninterval_ms = 60000\nclose_timeout_ms = 60000\n";
static const char hasty[] = "[housekeeping]\ninterval_ms = 60000\nclose_timeout_ms = 5000\n";

static const char *folder;

static void *predict_there(void *unused) {
    predict();
    return unused;
}

/* sessions are made, run and freed all the time, until that is refused */
static void *load_there(void *unused) {
    foretick_status_t status;
    do {
        foretick_bundle_t bundle = { 0 };
        status = foretick_bundle_open(engine, folder, strlen(folder), 0, &bundle);
        if (status == FORETICK_OK) status = foretick_bundle_close(bundle);
    } while (status == FORETICK_OK);
    IS(status, FORETICK_CLOSING);
    return unused;
}

static void wait_us(long us) {
    struct timespec time;
    time.tv_sec = us / 1000000;
    time.tv_nsec = us % 1000000 * 1000;
    (void)nanosleep(&time, NULL);
}

static void *exit_there(void *us) {
    wait_us(*(long *)us);
    exit(0);
}

static void close_engine(void) {
    OK(foretick_engine_close(engine));
}

int main(int argc, char **argv) {
    const char *how;
    long us;
    pthread_t thread;
    CHECK(argc == 4);
    folder = argv[1];
    how = argv[2];
    us = atol(argv[3]);
    /* what a global object's destructor does: it runs after all that is registered later */
    if (strcmp(how, "destructor") == 0) CHECK(atexit(close_engine) == 0);
    start(strcmp(how, "hasty") == 0 ? hasty : patient, folder);
    if (strcmp(how, "elsewhere") == 0) { /* the main thread is inside, and another one ends the process */
        CHECK(pthread_create(&thread, NULL, exit_there, &us) == 0);
        predict();
        (void)pthread_join(thread, NULL);
        return 1;
    }
    CHECK(pthread_create(&thread, NULL, strcmp(how, "loading") == 0 ? load_there : predict_there, NULL) == 0);
    while (strcmp(how, "loading") != 0 && !inside()) sched_yield();
    wait_us(us);
    if (strcmp(how, "exit") == 0 || strcmp(how, "destructor") == 0 || strcmp(how, "loading") == 0) return 0;
    CHECK(strcmp(how, "hasty") == 0 || strcmp(how, "patient") == 0 || strcmp(how, "unjoined") == 0);
    close_engine();
    if (strcmp(how, "unjoined") != 0) CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
