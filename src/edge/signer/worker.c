#include "edge/signer/worker.h"

#include <signal.h>
#include <stdlib.h>

#include "core/err.h"

static void
job_back(void *arg)
{
	struct worker_job *j = arg;

	j->done(j);
}

static void
job_run(struct worker_job *j)
{
	if (j->hash[0])
		j->result = password_verify(j->hash, secret_slice(&j->password));
	else
		j->result = password_hash(secret_slice(&j->password), j->hash);
	secret_release(&j->password);
	if (loop_post(j->w->loop, job_back, j) < 0)
		worker_job_free(j); /* the loop is ending */
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	w->up = true;
	pthread_cond_broadcast(&w->more);
	while (!w->stop) {
		if (list_empty(&w->queue)) {
			pthread_cond_wait(&w->more, &w->lock);
			continue;
		}
		struct worker_job *j = list_entry(w->queue.next, struct worker_job, link);
		list_remove(&j->link);
		w->n--;
		pthread_mutex_unlock(&w->lock);
		job_run(j);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int
worker_start(struct worker *w, struct loop *l)
{
	sigset_t all, old;

	w->loop = l;
	list_init(&w->queue);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int e = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->running = e == 0;
	pthread_mutex_lock(&w->lock);
	while (e == 0 && !w->up)
		pthread_cond_wait(&w->more, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return e == 0 ? 0 : E_IO;
}

void
worker_stop(struct worker *w)
{
	if (!w->running)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	list_foreach (it, &w->queue)
		worker_job_free(list_entry(it, struct worker_job, link));
	w->running = false;
}

int
worker_add(struct worker *w, struct worker_job *j)
{
	int e = E_LIMIT;

	pthread_mutex_lock(&w->lock);
	if (w->n < WORKER_QUEUE_MAX) {
		j->w = w;
		list_push(&w->queue, &j->link);
		w->n++;
		pthread_cond_signal(&w->more);
		e = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return e;
}

void
worker_job_free(struct worker_job *j)
{
	secret_release(&j->password);
	mem_wipe(j->hash, sizeof j->hash);
	free(j->arg);
	free(j);
}
