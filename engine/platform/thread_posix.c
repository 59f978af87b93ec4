/* thread_posix.c -- pthreads. Signals are blocked in every thread started here, so that they reach
 * the one that waits for them (process_wait_for_stop). */
#include "platform/thread.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Argon2 and OpenSSL run on our threads; neither needs more than a fraction of this. */
enum { STACK_BYTES = 512 * 1024 };

struct thread {
	pthread_t handle;
	void (*run)(void *context);
	void *context;
	char name[16];
};

struct mutex {
	pthread_mutex_t handle;
};

struct condition {
	pthread_cond_t handle;
};

static void *thread_main(void *argument)
{
	struct thread *thread = argument;

	pthread_setname_np(pthread_self(), thread->name);
	thread->run(thread->context);
	return NULL;
}

struct thread *thread_start(
	const char *name, void (*run)(void *context), void *context, struct error *error)
{
	struct thread *thread = calloc(1, sizeof *thread);
	pthread_attr_t attributes;
	sigset_t all, before;
	int code;

	if (!thread) {
		error_set_memory(error);
		return NULL;
	}
	thread->run = run;
	thread->context = context;
	snprintf(thread->name, sizeof thread->name, "%s", name);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&thread->handle, &attributes, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (code) {
		error_set_os(error, code, "starting a thread (%s)", name);
		free(thread);
		return NULL;
	}
	return thread;
}

void thread_join(struct thread **thread)
{
	if (!*thread)
		return;
	pthread_join((*thread)->handle, NULL);
	free(*thread);
	*thread = NULL;
}

struct mutex *mutex_new(struct error *error)
{
	struct mutex *mutex = calloc(1, sizeof *mutex);

	if (!mutex)
		error_set_memory(error);
	else
		pthread_mutex_init(&mutex->handle, NULL);
	return mutex;
}

void mutex_free(struct mutex **mutex)
{
	if (*mutex)
		pthread_mutex_destroy(&(*mutex)->handle);
	free(*mutex);
	*mutex = NULL;
}

void mutex_lock(struct mutex *mutex)
{
	int code = pthread_mutex_lock(&mutex->handle);

	assert(code == 0);
	(void)code;
}

void mutex_unlock(struct mutex *mutex)
{
	int code = pthread_mutex_unlock(&mutex->handle);

	assert(code == 0);
	(void)code;
}

struct condition *condition_new(struct error *error)
{
	struct condition *condition = calloc(1, sizeof *condition);
	pthread_condattr_t attributes;

	if (!condition) {
		error_set_memory(error);
		return NULL;
	}
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&condition->handle, &attributes);
	pthread_condattr_destroy(&attributes);
	return condition;
}

void condition_free(struct condition **condition)
{
	if (*condition)
		pthread_cond_destroy(&(*condition)->handle);
	free(*condition);
	*condition = NULL;
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
	pthread_cond_wait(&condition->handle, &mutex->handle);
}

bool condition_wait_for(struct condition *condition, struct mutex *mutex, int64_t timeout_us)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_us / 1000000;
	until.tv_nsec += timeout_us % 1000000 * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return pthread_cond_timedwait(&condition->handle, &mutex->handle, &until) == 0;
}

void condition_signal(struct condition *condition)
{
	pthread_cond_signal(&condition->handle);
}

void condition_broadcast(struct condition *condition)
{
	pthread_cond_broadcast(&condition->handle);
}

unsigned thread_core_count(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count > 0 ? (unsigned)count : 1;
}
