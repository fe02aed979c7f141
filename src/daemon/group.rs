//! Owns grouping: single requests gathered into one act, so that a transaction serves many; knows nothing of what is asked.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

/// A line that single requests stand in. Whatever has gathered while the last act ran goes into the next one: no
/// request waits for company, and under load the groups grow by themselves.
pub struct Group<Q, A> {
    line: mpsc::Sender<(Q, oneshot::Sender<A>)>,
}

impl<Q, A> Clone for Group<Q, A> {
    fn clone(&self) -> Self {
        Self { line: self.line.clone() }
    }
}

impl<Q: Send + 'static, A: Send + 'static> Group<Q, A> {
    /// Starts the line. `act` answers a group of at most `largest` requests, in their order; an answer that is
    /// missing leaves its request without one, and so does a panic: the line goes on.
    pub fn start<F, R>(largest: usize, mut act: F) -> Self
    where
        F: FnMut(Vec<Q>) -> R + Send + 'static,
        R: Future<Output = Vec<A>> + Send,
    {
        let (line, mut waiting) = mpsc::channel::<(Q, oneshot::Sender<A>)>(largest * 4);
        tokio::spawn(async move {
            let mut gathered = Vec::with_capacity(largest);
            while waiting.recv_many(&mut gathered, largest).await > 0 {
                let (questions, askers): (Vec<Q>, Vec<oneshot::Sender<A>>) = gathered.drain(..).unzip();
                let answers = AssertUnwindSafe(act(questions)).catch_unwind().await.unwrap_or_default();
                for (asker, answer) in askers.into_iter().zip(answers) {
                    // Whoever stopped waiting does not need the answer.
                    let _ = asker.send(answer);
                }
            }
        });
        Self { line }
    }

    /// Asks, and waits for the group's answer; `None` when the act had none.
    pub async fn ask(&self, question: Q) -> Option<A> {
        let (asker, answer) = oneshot::channel();
        self.line.send((question, asker)).await.ok()?;
        answer.await.ok()
    }
}
