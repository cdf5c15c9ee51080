//! A value whose methods block, held by an actor and lent to a thread for one piece of work at a time.

use std::time::Duration;

use tokio::time::timeout;

/// A disk that takes longer is broken, and whoever supervises should know.
const DEADLINE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Held<T>(Option<T>);

/// The work did not come back; the holder has to be started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LostWork {
    #[error("the disk does not answer")]
    Silent,
    #[error("a piece of disk work broke off")]
    Broken,
}

impl<T: Send + 'static> Held<T> {
    pub const fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// The value itself, for what does not touch the disk.
    pub fn here(&mut self) -> Result<&mut T, LostWork> {
        self.0.as_mut().ok_or(LostWork::Broken)
    }

    /// One piece of work beside the runtime.
    pub async fn work<R, F>(&mut self, work: F) -> Result<R, LostWork>
    where
        R: Send + 'static,
        F: FnOnce(&mut T) -> R + Send + 'static,
    {
        let mut value = self.0.take().ok_or(LostWork::Broken)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut value);
            (value, result)
        });
        let (value, result) =
            timeout(DEADLINE, done).await.map_err(|_| LostWork::Silent)?.map_err(|_| LostWork::Broken)?;
        self.0 = Some(value);
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_work_is_told_and_the_value_is_gone() {
        let mut held = Held::new(1);
        assert_eq!(held.work(|n| *n + 1).await, Ok(2));
        assert_eq!(held.work(|_| -> u8 { panic!("disk on fire") }).await, Err(LostWork::Broken));
        assert_eq!(held.here().copied(), Err(LostWork::Broken));
    }
}
