from datetime import UTC, datetime, timedelta
from concord.core.model import *
from concord.core.values import Ref
import pytest
T=datetime(2026,1,1,tzinfo=UTC)
@pytest.mark.parametrize("n",range(5))
async def test_x(store,n):
    r=Ref("hubspot","contacts","1")
    assert await store.take_in([Notice(r,Lane.PEOPLE,T,"w")])==1
    w=await store.claim(10,T,timedelta(seconds=60))
    assert len(w)==1
