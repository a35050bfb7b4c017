"""The mutants of the HTTP client, of a silent broker and of fetches; a test notices within seconds, without Kafka."""

from tests.mutation.mutant import Edit, Mutant

BOUNDED_WAITING = "saving_alerts/kafka/bounded_waiting.py"
CLIENT = "saving_alerts/adapters/http_client.py"
CONNECTION = "saving_alerts/adapters/http_connection.py"
CONSUMER_THREAD = "saving_alerts/delivery/consumer_thread.py"
PACED_FETCHES = "saving_alerts/kafka/paced_fetches.py"
PUSH_API = "saving_alerts/adapters/push_api.py"

TEST_BOUNDED_WAITING = "tests/unit/kafka/test_bounded_waiting.py"
TEST_CONTRACT = "tests/contracts/http_client/test_http_client_contract.py"
TEST_CONSUMER_FETCHES = "tests/unit/delivery/test_consumer_fetches.py"
TEST_CONNECTION = "tests/unit/adapters/test_http_connection.py"
TEST_PACED_FETCHES = "tests/unit/kafka/test_paced_fetches.py"
TEST_PUSH_API = "tests/unit/adapters/test_push_api.py"

CLIENT_MUTANTS = (
    Mutant(
        "say of a broken connection that nothing was sent",
        (
            Edit(
                PUSH_API,
                "        except NotSentError:\n            raise\n        except Exception as error:",
                "        except (NotSentError, Exception) as error:\n            raise NotSentError from error\n"
                "        except OSError as error:",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "keep the connection of a push that was cancelled",
        (
            Edit(
                CLIENT,
                "        except asyncio.CancelledError:\n            connection.abort()\n            raise\n",
                "",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "ask on a connection that the server has closed",
        (
            Edit(
                CLIENT,
                "            if connection.is_free:\n                return connection\n",
                "            return connection\n",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "take an answer that nobody has asked for",
        (
            Edit(CONNECTION, "        if self._asked is None:\n            self.abort()\n            return\n", ""),
            Edit(
                CONNECTION,
                "        if self._is_whole:\n            raise",
                "        if self._is_whole is None:\n            raise",
            ),
        ),
        (TEST_CONNECTION, TEST_CONTRACT),
    ),
    Mutant(
        "a head without a limit",
        (
            Edit(CONNECTION, "self._wire_bytes >= MAX_HEAD_BYTES", "self._wire_bytes >= 1000 * MAX_HEAD_BYTES"),
            Edit(CONNECTION, "else MAX_HEAD_BYTES - self._wire_bytes", "else 1000 * MAX_HEAD_BYTES"),
        ),
        (TEST_CONNECTION,),
    ),
    Mutant(
        "interim answers without a limit",
        (Edit(CONNECTION, "self._interim_answers > MAX_INTERIM_ANSWERS", "self._interim_answers > 10**9"),),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "a body of chunks without a limit on the wire",
        (Edit(CONNECTION, "self._wire_bytes > MAX_WIRE_BYTES", "self._wire_bytes > 1000 * MAX_WIRE_BYTES"),),
        (TEST_CONNECTION,),
    ),
    Mutant(
        "take half a body for a whole one",
        (Edit(CONNECTION, "and error is None and self._ends_with_connection()", "and error is None"),),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "lose the status of an answer whose body breaks",
        (
            Edit(
                CONNECTION,
                "        if answer is None:\n            asked.set_exception(why)\n        else:",
                "        if why:\n            asked.set_exception(why)\n        else:",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "connect for as long as a rebalance takes",
        (
            Edit(
                BOUNDED_WAITING,
                "        async with asyncio.timeout(self.prompt_seconds):\n            return await super().connect()",
                "        return await super().connect()",
            ),
        ),
        (TEST_BOUNDED_WAITING,),
    ),
    Mutant(
        "wait for a heartbeat for as long as a rebalance takes",
        (
            Edit(
                BOUNDED_WAITING,
                "    HeartbeatRequest,\n    MetadataRequest,\n    SaslA",
                "    MetadataRequest,\n    SaslA",
            ),
        ),
        (TEST_BOUNDED_WAITING,),
    ),
    Mutant(
        "end a rebalance because of the heartbeat behind it",
        (
            Edit(
                BOUNDED_WAITING,
                "isinstance(request, PROMPT) and not self._has_held_request()",
                "isinstance(request, PROMPT)",
            ),
        ),
        (TEST_BOUNDED_WAITING,),
    ),
    Mutant(
        "wait for somebody to take what nobody wants",
        (Edit(PACED_FETCHES, "._backoff = 0  #", "._backoff  #"),),
        (TEST_PACED_FETCHES,),
    ),
    Mutant(
        "look no more when a fetch has ended",
        (Edit(PACED_FETCHES, "        loop.call_soon(loop.call_soon, self._look_again)\n", ""),),
        (TEST_PACED_FETCHES,),
    ),
    Mutant(
        "keep fetched records back for the pace",
        (Edit(PACED_FETCHES, "            self._tell_who_waits()\n", ""),),
        (TEST_PACED_FETCHES,),
    ),
    Mutant(
        "let a fetch that waits take as much of streams as of changelogs",
        (
            Edit(
                CONSUMER_THREAD,
                "first = min(FOLLOWED_RECORDS, max_records or FOLLOWED_RECORDS) if streams",
                "first = FOLLOWED_RECORDS if streams",
            ),
        ),
        (TEST_CONSUMER_FETCHES,),
    ),
    Mutant(
        "fetch what Faust wants by now, in another thread",
        (Edit(CONSUMER_THREAD, "wanted = set(active_partitions or ())", "wanted = active_partitions or set()"),),
        (TEST_CONSUMER_FETCHES,),
    ),
)
