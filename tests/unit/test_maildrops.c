/* test_maildrops.c -- one session each, and the hand-over between sessions on different loops: granted, kept,
 * given back, ended meanwhile. ThreadSanitizer reads along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "service/maildrops.h"
#include "test_service_fixture.h"

enum { LOOPS = 4, CONTENDERS = 64, ROUNDS = 200 };

static struct maildrops *maildrops;
static struct loop *loops[LOOPS];
static struct id office;

/* A session, as far as maildrops knows one. Touched on its loop alone. */
struct holder {
	struct maildrop_claim claim;
	bool has;
	bool gives_way;
	bool is_asking;
	unsigned wanted;
	unsigned rounds;
	bool was_granted;
	struct loop_task task;
	struct countdown *answered;
};

/* In the critical section of the mailbox, if the rule holds: plain, so that a sanitizer sees two at once. */
static unsigned entered;

static int set_up(void **state)
{
	(void)state;
	maildrops = maildrops_new(NULL);
	for (size_t i = 0; i < LOOPS; i++)
		loops[i] = loop_start("test", NULL);
	office = random_id();
	return maildrops && loops[LOOPS - 1] ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < LOOPS; i++)
		loop_stop(&loops[i], 1000);
	maildrops_free(&maildrops);
	assert_null(maildrops);
	return 0;
}

static void release(struct holder *holder)
{
	assert_true(holder->has);
	holder->has = false;
	maildrops_release(maildrops, &holder->claim);
}

static void on_wanted(struct maildrop_claim *claim)
{
	struct holder *holder = list_entry(claim, struct holder, claim);

	assert_true(holder->has);
	holder->wanted++;
	if (holder->gives_way)
		release(holder);
}

static void on_answer(struct maildrop_claim *claim, bool is_granted)
{
	struct holder *holder = list_entry(claim, struct holder, claim);

	holder->is_asking = false;
	holder->has = holder->was_granted = is_granted;
	loop_release(holder->claim.loop);
	countdown_step(holder->answered);
}

static void run_claim(void *context)
{
	struct holder *holder = context;

	if (maildrops_claim(maildrops, &holder->claim) == MAILDROP_GRANTED) {
		holder->has = holder->was_granted = true;
		countdown_step(holder->answered);
		return;
	}
	holder->is_asking = true;
	loop_hold(holder->claim.loop);
}

static void run_release(void *context)
{
	release(context);
}

static void make(struct holder *holder, size_t loop, const struct id *mailbox)
{
	*holder = (struct holder){
		.claim = { .mailbox = *mailbox,
			.loop = loops[loop],
			.on_wanted = on_wanted,
			.on_answer = on_answer },
	};
}

/* From the test's thread, and through: whether it was granted. */
static bool claim_and_wait(struct holder *holder)
{
	struct countdown answered;

	countdown_init(&answered, 1);
	holder->answered = &answered;
	holder->was_granted = false;
	loop_call(holder->claim.loop, run_claim, holder);
	countdown_wait(&answered);
	countdown_clear(&answered);
	return holder->was_granted;
}

static void test_one_each(void **state)
{
	struct holder one, two, same_loop, other;
	struct id elsewhere = random_id();

	(void)state;
	make(&one, 0, &office);
	make(&two, 1, &office);
	make(&same_loop, 0, &office);
	make(&other, 1, &elsewhere);
	assert_true(claim_and_wait(&one));
	/* It is asked, and keeps it. */
	assert_false(claim_and_wait(&two));
	assert_int_equal(one.wanted, 1);
	assert_false(claim_and_wait(&same_loop));
	assert_int_equal(one.wanted, 2);
	assert_true(claim_and_wait(&other));
	assert_int_equal(one.wanted, 2);
	loop_call(loops[0], run_release, &one);
	assert_true(claim_and_wait(&two));
	loop_call(loops[1], run_release, &two);
	loop_call(loops[1], run_release, &other);
}

static void test_giving_way(void **state)
{
	struct holder one, two, three;

	(void)state;
	make(&one, 0, &office);
	make(&two, 1, &office);
	make(&three, 1, &office);
	one.gives_way = two.gives_way = true;
	assert_true(claim_and_wait(&one));
	assert_true(claim_and_wait(&two));
	assert_false(one.has);
	assert_int_equal(one.wanted, 1);
	/* On the same loop it goes the same way. */
	assert_true(claim_and_wait(&three));
	assert_false(two.has);
	assert_int_equal(one.wanted, 1);
	loop_call(loops[1], run_release, &three);
}

/* ---- many at once ---- */

static void contend(struct loop_task *task);

/* What only the owner of the maildrop may do; then on to the next round. */
static void use(struct holder *holder)
{
	entered++;
	holder->gives_way = holder->rounds % 2;
	if (!holder->gives_way)
		release(holder);
}

static void again(struct holder *holder)
{
	if (++holder->rounds < ROUNDS) {
		loop_post(holder->claim.loop, &holder->task);
		return;
	}
	if (holder->has)
		release(holder);
	countdown_step(holder->answered);
}

static void on_contended(struct maildrop_claim *claim, bool is_granted)
{
	struct holder *holder = list_entry(claim, struct holder, claim);

	holder->has = is_granted;
	loop_release(claim->loop);
	if (is_granted)
		use(holder);
	again(holder);
}

static void contend(struct loop_task *task)
{
	struct holder *holder = list_entry(task, struct holder, task);

	if (holder->has)
		release(holder);
	if (maildrops_claim(maildrops, &holder->claim) == MAILDROP_ASKED) {
		loop_hold(holder->claim.loop);
		return;
	}
	holder->has = true;
	use(holder);
	again(holder);
}

static void test_many_at_once(void **state)
{
	struct holder *holders = calloc(CONTENDERS, sizeof *holders);
	struct countdown answered;

	(void)state;
	entered = 0;
	countdown_init(&answered, CONTENDERS);
	for (size_t i = 0; i < CONTENDERS; i++) {
		make(&holders[i], i % LOOPS, &office);
		holders[i].claim.on_answer = on_contended;
		holders[i].task.run = contend;
		holders[i].answered = &answered;
		loop_post(loops[i % LOOPS], &holders[i].task);
	}
	countdown_wait(&answered);
	countdown_clear(&answered);
	/* Each round of whoever was granted it, and somebody always is. */
	assert_in_range(entered, ROUNDS, CONTENDERS * ROUNDS);
	for (size_t i = 0; i < CONTENDERS; i++)
		assert_false(holders[i].has);
	free(holders);
}

/* ---- the end of a loop ---- */

static struct loop *stopping;

static void stop_that_loop(void *context)
{
	(void)context;
	loop_stop(&stopping, 1000);
}

static void run_go(struct loop_task *task)
{
	struct holder *holder = list_entry(task, struct holder, task);

	release(holder);
	loop_release(holder->claim.loop);
}

static void run_hold(void *context)
{
	loop_hold(context);
}

/* The loop of the one that is asked ends while it is asked: the question is answered all the same. */
static void test_asked_loop_ends(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct holder old, next;
		struct countdown answered;
		struct thread *stopper;

		stopping = loop_start("ending", NULL);
		assert_non_null(stopping);
		make(&old, 0, &office);
		make(&next, 1, &office);
		old.claim.loop = stopping;
		assert_true(claim_and_wait(&old));
		/* What a session's connection does for it. */
		loop_call(stopping, run_hold, stopping);
		old.task.run = run_go;
		countdown_init(&answered, 1);
		next.answered = &answered;
		loop_post(stopping, &old.task);
		stopper = thread_start("stopper", stop_that_loop, NULL, NULL);
		assert_non_null(stopper);
		loop_call(loops[1], run_claim, &next);
		countdown_wait(&answered);
		countdown_clear(&answered);
		thread_join(&stopper);
		/* Nobody can have kept it. */
		assert_true(next.was_granted || old.wanted == 1);
		if (next.was_granted)
			loop_call(loops[1], run_release, &next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_each, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_giving_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_asked_loop_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
