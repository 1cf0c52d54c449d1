from stylenet.data.sampling import SampleOrder, generator, permutation, photograph_of


def test_every_photograph_once_an_epoch():
    first = [photograph_of(sample, 5, 10) for sample in range(10)]
    second = [photograph_of(sample, 5, 10) for sample in range(10, 20)]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_seeds_give_other_orders():
    assert permutation(0, 0, 50).tolist() != permutation(1, 0, 50).tolist()
    assert generator(0, 1, 7).random() == generator(0, 1, 7).random() != generator(0, 1, 8).random()


def test_two_processes_see_what_one_sees():
    one = list(SampleOrder(range(21), 4, 0, 1, lambda: 0))
    first, second = (list(SampleOrder(range(21), 2, rank, 2, lambda: 0)) for rank in (0, 1))
    assert one == list(range(20))
    together = [number for b in range(5) for number in first[2 * b : 2 * b + 2] + second[2 * b : 2 * b + 2]]
    assert together == one


def test_the_order_begins_where_training_stands():
    assert list(SampleOrder(range(8), 2, 1, 2, lambda: 3)) == [14, 15, 18, 19]


def test_a_set_smaller_than_a_batch_is_one_batch():
    assert list(SampleOrder(range(3), 4, 0, 1, lambda: 0)) == [0, 1, 2, 3]
