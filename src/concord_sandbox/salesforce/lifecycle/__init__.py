"""What happens to whole records beyond a write: conversion, merging, the recycle bin."""
