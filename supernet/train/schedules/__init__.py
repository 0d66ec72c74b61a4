"""Progressive-shrinking schedules as data; `supernet.train.schedule` reads them."""
